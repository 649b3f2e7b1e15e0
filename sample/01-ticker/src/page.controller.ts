import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, StreamableFile } from '@nestjs/common';

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** From dist/ as from src/, the folder is next door. */
const FOLDER = new URL('../public/', import.meta.url);

// The page may fetch from this server only, and its WebSocket is named because older browsers do not count it as 'self'.
const SECURITY_POLICY = "default-src 'self'; connect-src 'self' ws: wss:";

/** Serves the page: a handful of files, read once, so a path in a request never meets the file system. */
@Controller()
export class PageController {
  readonly #files = new Map(
    readdirSync(FOLDER).map(name => [name, readFileSync(new URL(name, FOLDER))] as const),
  );

  @Get()
  @Header('Content-Security-Policy', SECURITY_POLICY)
  @Header('Cache-Control', 'no-cache')
  index(): StreamableFile {
    return this.file('index.html');
  }

  @Get(':name')
  @Header('Cache-Control', 'no-cache')
  file(@Param('name') name: string): StreamableFile {
    const body = this.#files.get(name);
    if (body === undefined) throw new NotFoundException();
    return new StreamableFile(body, { type: CONTENT_TYPES[extname(name)], length: body.length });
  }
}
