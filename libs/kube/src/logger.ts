/** The part of a pino logger used here. */
export interface KubeLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const silent: KubeLogger = { debug: () => {}, info: () => {}, warn: () => {} };
