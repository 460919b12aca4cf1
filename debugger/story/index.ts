export { createCodeRules, type CodeRule, type CodeRules } from './code-rules.ts';
export { stackRules, type StackRule, type StackRules } from './stack-rules.ts';
export { registersOnStacks, story, type StoryWhere } from './story.ts';
