/** What a template can see of its context, and that nothing else makes it be evaluated again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contextUse, seenByComponent } from '../../../daemon/render/cue/context-use.ts';
import { openTestCue, requestFor, trait } from './evaluator.ts';

const uses = (template: string): readonly string[] | null => {
  const found = contextUse(template);
  return found === null ? null : [...found];
};

describe('what a template sees of its context', () => {
  it('is what it names, in whatever form', () => {
    assert.deepEqual(uses('output: metadata: name: context.name\nif context["config"] != _|_ {env: context.config}\nx: "http://\\(context.namespace)"'), [
      'name',
      'config',
      'namespace',
    ]);
    assert.deepEqual(uses('output: {}'), []);
    assert.deepEqual(uses('// +usage=the build context\n// context\noutput: {}'), []);
  });

  it('is all of it where it hands the whole on, walks through it, declares it, or may mean it in another way', () => {
    const templates = [
      'x: context',
      'for k, v in context {(k): v}',
      'let c = context',
      'x: {context}',
      'context: name: string',
      '"context": {...}',
      'x: context[parameter.field]',
      'x: context."name"',
      'x: json.Marshal(context)',
      '"\\u0063ontext": {...}',
      '[string]: {...}',
      'x: """\n// \\(context)\n"""',
      'x: context.\n"name"',
    ];
    for (const template of templates) assert.equal(uses(template), null, template);
  });

  it("is what any of the component's templates names", () => {
    const context = { appRevision: 'shop-v1', appRevisionNum: 1, components: [] };
    assert.deepEqual(Object.keys(seenByComponent(requestFor('output: context.name', { context, traits: [trait('patch: x: context.appRevision')] })).context), [
      'name',
      'appRevision',
    ]);
    assert.equal(Object.keys(seenByComponent(requestFor('output: context.name', { context, traits: [trait('patch: x: context')] })).context).length, 6);
  });
});

describe('what it does not see', () => {
  const template = 'output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: x: parameter.x}\nparameter: x: string';

  it('makes nothing be evaluated again; what it sees does', async () => {
    await using cue = openTestCue();
    const render = (context: { readonly name?: string; readonly appRevision: string }): Promise<unknown> =>
      cue.renderComponent(requestFor(template, { parameter: { x: '1' }, context }));
    const first = await render({ appRevision: 'shop-v1' });
    assert.deepEqual(await render({ appRevision: 'shop-v2' }), first);
    assert.equal(cue.figures().calls, 1);
    assert.notDeepEqual(await render({ name: 'api', appRevision: 'shop-v2' }), first);
    assert.equal(cue.figures().calls, 2);
  });
});
