/**
 * The bench is plain JavaScript, to run without a build of its own; so decorators are called instead of written. This
 * is what TypeScript emits for a decorated method.
 *
 * @param {Function} target class
 * @param {string} name of the method
 * @param {{ decorator: MethodDecorator, parameters?: ParameterDecorator[] }} by
 */
export function decorateMethod(target, name, { decorator, parameters = [] }) {
  // What `emitDecoratorMetadata` adds: the types of the parameters, which are told nothing of here.
  Reflect.defineMetadata(
    'design:paramtypes',
    parameters.map(() => Object),
    target.prototype,
    name,
  );
  parameters.forEach((parameter, i) => parameter(target.prototype, name, i));
  decorator(target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name));
}
