"""A slow line: passes on what the server sends at so many bytes a second, and keeps little of it. usage: host port rate"""
import socket
import sys
import threading
import time

server, rate = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
STEP = 0.02


def up(client, line):
    while data := client.recv(65536):
        line.sendall(data)
    line.close()


def down(line, client):
    while data := line.recv(max(1, int(rate * STEP))):
        client.sendall(data)
        time.sleep(len(data) / rate)
    client.close()


def carry(client):
    line = socket.socket()
    # As on a line far away, the system at the other end takes little at once: its buffer goes by the size of a segment.
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    line.connect(server)
    for work, ends in ((up, (client, line)), (down, (line, client))):
        threading.Thread(target=run, args=(work, ends), daemon=True).start()


def run(work, ends):
    try:
        work(*ends)
    except OSError:
        pass


entrance = socket.socket()
entrance.bind(("127.0.0.1", 0))
entrance.listen()
print(entrance.getsockname()[1], flush=True)
while True:
    carry(entrance.accept()[0])
