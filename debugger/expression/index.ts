/** Small expressions, as `rax == -22 && pid == 3`: README.md has the grammar, evaluate.ts the arithmetic. */
export { evaluateExpression, type Scope } from './evaluate.ts';
export { parseExpression, variableNames, type Names, type Node, type VariableName } from './parse.ts';
