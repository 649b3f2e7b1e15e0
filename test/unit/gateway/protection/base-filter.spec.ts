import { ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter } from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import { coverBaseFilter, FilterHost } from '../../../../lib/gateway/protection/base-filter.js';
import { ExecutionContextHost } from '../../../../lib/gateway/nest/private-api.js';

class Passing extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    // oxlint-disable-next-line promise/valid-params -- a filter, not a promise
    super.catch(exception, host);
  }
}

class Answering extends Passing {
  readonly answered = vi.fn();

  override handleError(...args: unknown[]): void {
    this.answered(...args);
  }

  override handleUnknownError(...args: unknown[]): void {
    this.answered(...args);
  }
}

const client = (): object => ({ emit: vi.fn(), send: vi.fn(), readyState: 1 });

const filterHost = (): FilterHost => {
  const host = new FilterHost([client(), {}, 'event', 'event']);
  host.setType('ws');
  return host;
};

describe('coverBaseFilter', () => {
  it('leaves the exception to the answer of the request when a filter calls super.catch()', () => {
    const filter = new Passing();
    coverBaseFilter(filter);
    const host = filterHost();
    const exception = new Error('broken');
    filter.catch(exception, host);
    expect(() => host.rethrow()).toThrow(exception);
  });

  it('lets a filter that answers itself do so', () => {
    const filter = new Answering();
    coverBaseFilter(filter);
    const host = filterHost();
    filter.catch(new Error('broken'), host);
    expect(filter.answered).toHaveBeenCalledTimes(1);
    expect(() => host.rethrow()).not.toThrow();
  });

  it('changes nothing for the host of another adapter', () => {
    const filter = new Passing();
    coverBaseFilter(filter);
    const other = client() as { emit: ReturnType<typeof vi.fn>; send: ReturnType<typeof vi.fn> };
    const host = new ExecutionContextHost([other, {}, 'event', 'event']);
    host.setType('ws');
    filter.catch(new Error('broken'), host);
    expect(other.emit.mock.calls.length + other.send.mock.calls.length).toBe(1);
  });

  it('takes filters without Nest’s base class', () => {
    expect(() => coverBaseFilter({ catch: () => {} })).not.toThrow();
    expect(() => filterHost().rethrow()).not.toThrow();
  });
});
