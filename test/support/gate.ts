/** A promise that the test settles by hand. */
export class Gate {
  open!: () => void;
  break!: (error: unknown) => void;
  readonly passed = new Promise<void>((resolve, reject) => {
    this.open = resolve;
    this.break = reject;
  });
}
