/** The part of WebAssembly's interface that is used here; TypeScript has it in its browser library only. */
declare namespace WebAssembly {
  class Module {
    static imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[];
  }
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  type ImportValue = (...args: never[]) => unknown;
  type Imports = Record<string, Record<string, ImportValue>>;
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
}
