import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Crowd } from './crowd.js';
import { ServerStatus, type StatusReport } from './server-status.js';

/** One line a second in the terminal. */
@Injectable()
export class StatusLine implements OnModuleInit {
  constructor(
    private readonly status: ServerStatus,
    private readonly crowd: Crowd,
  ) {}

  onModuleInit(): void {
    this.status.reports.subscribe(report => console.log(this.#compose(report)));
  }

  #compose(report: StatusReport): string {
    return [
      new Date().toTimeString().slice(0, 8),
      `published ${count(report.published)}/s`,
      `delivered ${count(report.delivered)}/s`,
      `connections ${count(report.connections)}`,
      `buffered ${kibibytes(report.buffered)}`,
      `heap ${Math.round(report.heap / 2 ** 20)} MiB`,
      `pool ${report.pool.inUse} in use of ${kibibytes(report.pool.bytes)}`,
      ...this.#composeCrowd(),
    ].join('  ');
  }

  #composeCrowd(): string[] {
    const report = this.crowd.report;
    if (report === undefined) return [];
    const parts = [`| clients ${count(report.connections)}`, `received ${count(report.received)}/s`];
    parts.push(`lost ${count(report.lost)}`);
    if (report.problem) parts.push(`(${report.problem})`);
    return parts;
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function kibibytes(bytes: number): string {
  return `${count(Math.round(bytes / 1024))} KiB`;
}
