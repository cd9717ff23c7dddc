/**
 * What becomes of an error that ends a node, where nobody has said what to do with it: it is thrown
 * when the node has stopped, and ends the program unless that catches such things.
 */
export function throwLater(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
