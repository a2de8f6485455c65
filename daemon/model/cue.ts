/**
 * The port to the CUE evaluator: what render/ and workflow/ may ask of it, and what comes back.
 *
 * Everything that goes in or comes out is JSON. A mistake in a template or in a user's properties is a value
 * (`errors`); a template that never ends, eats the memory or meets a broken evaluator is a thrown Fault
 * (`render/timeout`, `render/memory`, `render/evaluator`).
 */
import type { Json, JsonObject } from './object.ts';

/** JSON as it crosses the evaluator's border. Integers beyond 2^53 are bigint, as everywhere (lib/json.ts). */
export type CueJson = Json;

/** A JSON object as it crosses the evaluator's border. */
export type CueObject = JsonObject;

/** Which KubeVela line's rules apply to markers, patches, calls and health. */
export type CueDialect = '1.1' | '1.10';

/**
 * What went wrong inside an evaluation.
 *
 * - `parse`: the template (or an expression) is not CUE, or names something that does not exist; `line`, `column` are set
 * - `parameter`: the properties do not fit the template's `parameter`; `path` starts with "parameter"
 * - `user`: a string of the template's own `errs` list
 * - `template`: the template contradicts itself or its context, or a trait's patch does not fit the object
 * - `concrete`: the output has a field without a value (often a forgotten optional property)
 * - `nonconcrete`: a call or an expression needs a value that is not known yet
 * - `unsupported`: a feature that is refused by name (e.g. `processing.http`, an unknown import)
 */
export type CueErrorCode = 'parse' | 'parameter' | 'user' | 'template' | 'concrete' | 'nonconcrete' | 'unsupported';

/** One error. The message is one sentence and never contains a value that came from `parameter` or `context`. */
export interface CueError {
  readonly code: CueErrorCode;
  readonly message: string;
  /** CUE path, e.g. `["parameter","ports","0","port"]` or `["output","spec","replicas"]`. */
  readonly path?: readonly string[];
  /** Line in the template's text, from 1. Only when the template itself is to blame. */
  readonly line?: number;
  /** Column in that line, from 1. */
  readonly column?: number;
  /** Index of the trait it belongs to; absent for the component's (or object's, step's) own template. */
  readonly trait?: number;
}

/** Bounds of one evaluation that a caller may set below the pool's own. */
export interface CueCallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One trait of a component, in the order of the Application. */
export interface CueTrait {
  readonly type: string;
  readonly template: string;
  /** The trait's `properties`; null where there are none. */
  readonly parameter: CueJson;
  /**
   * Keys added to the component's context for this trait only (KubeVela 1.10: `componentType`). `output` and `outputs`
   * are filled in by the evaluator.
   */
  readonly context?: CueObject;
  /** Further top-level fields (KubeVela 1.1: secrets that `// +insertSecretTo=<name>` asks for). */
  readonly fields?: CueObject;
}

/** A component with its traits: one request, because each trait sees what the ones before it left. */
export interface CueComponentRequest {
  readonly dialect: CueDialect;
  readonly component: {
    readonly name: string;
    readonly type: string;
    readonly template: string;
    /** Further top-level fields (KubeVela 1.1: secrets that `// +insertSecretTo=<name>` asks for). */
    readonly fields?: CueObject;
  };
  /** The component's `properties`; null where there are none. */
  readonly parameter: CueJson;
  /** Complete context (spec/kubevela.md 2.2) without `output` and `outputs`. */
  readonly context: CueObject;
  readonly traits: readonly CueTrait[];
  /**
   * A base object that did not come from a template (Terraform Configuration, KubeVela 1.1's `kube` schematic).
   * `component.template` is then empty and not compiled.
   */
  readonly output?: CueObject;
}

/** An object found under `outputs`. */
export interface CueAuxiliary {
  /** The field's name under `outputs`: label `trait.oam.dev/resource`. */
  readonly name: string;
  /** `AuxiliaryWorkload` for the component's own, else the trait's type: label `trait.oam.dev/type`. */
  readonly type: string;
  /** Index in `traits`, or -1 for the component's own. */
  readonly trait: number;
  readonly object: CueObject;
}

/** A property that the template's `parameter` does not declare but lets pass, as KubeVela does. For a warning. */
export interface CueUnknownParameter {
  /** e.g. `["parameter","imgae"]`. */
  readonly path: readonly string[];
  /** Index of the trait it belongs to; absent for the component's own. */
  readonly trait?: number;
  /** The declared fields beside it, for a "did you mean". */
  readonly declared: readonly string[];
}

export interface CueComponentResult {
  /** The workload; null if the template has no `output` or when there are errors. */
  readonly output: CueObject | null;
  readonly outputs: readonly CueAuxiliary[];
  readonly errors: readonly CueError[];
  readonly unknownParameters: readonly CueUnknownParameter[];
  /** E.g. a patchKey merge that fell back to the position in the list. */
  readonly warnings: readonly CueError[];
}

/** A policy (or any other template with `output`, `outputs`). */
export interface CueObjectRequest {
  readonly dialect: CueDialect;
  readonly template: string;
  readonly parameter: CueJson;
  readonly context: CueObject;
}

export type CueObjectResult = CueComponentResult;

/** Health, message and details of one object set (spec/kubevela.md 2.8). */
export interface CueStatusRequest {
  readonly dialect: CueDialect;
  /** The definition's own template; KubeVela 1.10 compiles the status templates together with nothing but its `parameter`. */
  readonly template?: string;
  readonly parameter: CueJson;
  /** The context with the live `output` and `outputs`. */
  readonly context: CueObject;
  readonly healthPolicy?: string;
  readonly customStatus?: string;
  readonly details?: string;
}

export interface CueStatusResult {
  readonly healthy: boolean;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  /**
   * Why a template could not be evaluated. 1.10: unhealthy or an empty message, and nothing more; 1.1: an error of the
   * whole reconcile.
   */
  readonly errors: readonly CueError[];
}

/** One call that a step's template asks for. */
export interface CueStepCall {
  /**
   * Where in the value: the key under which its result is given back in `results`. Path of the field in CUE text,
   * e.g. `apply`, `steps[0].read`, `"my-field"`, `#up[1].write`.
   */
  readonly path: string;
  /** `builtin` when the template names none. */
  readonly provider: string;
  readonly do: string;
  /**
   * The call's parameters. `$params` of a new-style call, the whole value of a legacy one without its `#` fields.
   * 1.1: what is not concrete is left out, except for hidden fields.
   */
  readonly params: CueObject;
  /** Parameters are under `$params`, the result goes to `$returns`; else both are inline. */
  readonly style: 'flat' | 'params';
  /**
   * 1.1: the call sits in a `#up` list: its result is not written back and a wait in it does not stop the step.
   */
  readonly up?: boolean;
  /** Parameters that have no value yet (1.1's `#ConditionalWait` waits on `continue`; else an error of the step). */
  readonly missing: readonly CueError[];
}

export interface CueStepRequest {
  readonly dialect: CueDialect;
  readonly template: string;
  readonly parameter: CueJson;
  readonly context: CueObject;
  /**
   * What the calls made so far in this execution have answered, by `CueStepCall.path`. For `params` style the content
   * of `$returns`, for `flat` style the fields to put beside the parameters. `{}` for a call without a result.
   */
  readonly results: Readonly<Record<string, CueObject>>;
  /**
   * Outputs to read from the value: 1.1's `exportKey`, 1.10's `valueFrom` (a path or an expression). Evaluated on every
   * answer, because a caller may stop the walk at a wait.
   */
  readonly outputs?: readonly { readonly name: string; readonly path: string }[];
}

export interface CueStepResult {
  /** The call that has to be made now; absent when the template asks for nothing more. */
  readonly next?: CueStepCall;
  readonly done: boolean;
  readonly errors: readonly CueError[];
  readonly outputs: Readonly<Record<string, CueJson>>;
  /** Outputs that have no concrete value, by name. */
  readonly outputErrors: Readonly<Record<string, CueError>>;
}

/** A step's `if`, or another expression over a scope. */
export interface CueExpressionRequest {
  readonly expression: string;
  /** Names that the expression may use, e.g. status, inputs, context, parameter. */
  readonly scope: CueObject;
}

export type CueExpressionResult = { readonly value: CueJson; readonly error?: undefined } | { readonly value?: undefined; readonly error: CueError };

export type CueTemplateKind = 'component' | 'trait' | 'policy' | 'step' | 'status';

export interface CueVetRequest {
  readonly template: string;
  readonly kind: CueTemplateKind;
  /** Decides what `vela/op` has. Default 1.10. */
  readonly dialect?: CueDialect;
}

/** A field directly under the template's `parameter`. */
export interface CueParameterField {
  readonly name: string;
  readonly required: boolean;
  /** A short type: `string`, `int`, `bool`, `list`, `struct`, ... */
  readonly type: string;
}

export interface CueVetResult {
  readonly errors: readonly CueError[];
  readonly parameters: readonly CueParameterField[];
  /** False when the template says `parameter: {...}` or has a map there: any name may be meant. */
  readonly parametersKnown: boolean;
  readonly imports: readonly string[];
}

/** The evaluator as the stages see it. Results of equal requests are cached and must not be changed. */
export interface CueEvaluator {
  /** Renders a component and its traits. KubeVela: spec/kubevela.md 2.1 to 2.3. */
  renderComponent(request: CueComponentRequest, options?: CueCallOptions): Promise<CueComponentResult>;
  /** Renders a policy or another template that has no traits. */
  renderObject(request: CueObjectRequest, options?: CueCallOptions): Promise<CueObjectResult>;
  /** Health, message and details. Not cached. */
  evaluateStatus(request: CueStatusRequest, options?: CueCallOptions): Promise<CueStatusResult>;
  /** The next call of a workflow step, given the results so far. Not cached. */
  evaluateStep(request: CueStepRequest, options?: CueCallOptions): Promise<CueStepResult>;
  /** A concrete JSON value of an expression. */
  evaluateExpression(request: CueExpressionRequest, options?: CueCallOptions): Promise<CueExpressionResult>;
  /** Checks a template by itself, without parameters. */
  vet(request: CueVetRequest, options?: CueCallOptions): Promise<CueVetResult>;
}
