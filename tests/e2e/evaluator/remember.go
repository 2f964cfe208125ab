package evaluator

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// remembering compiles an expression once for all policies that have it: most of them are in many. What an expression comes to
// depends on nothing but itself, what is declared, and the types of the variables that it reads.
type remembering struct {
	cel.Compiler
	minor uint
	// types are those of the variables of the policy.
	types map[string]string
}

type expression struct {
	text, returns, types string
	declared             cel.OptionalVariableDeclarations
	minor                uint
	mode                 environment.Type
}

var (
	variable = regexp.MustCompile(`\bvariables\s*\.\s*(\w+)`)
	// whole is whatever may read variables in another way.
	whole = regexp.MustCompile(`\bvariables\b\s*([^.\s]|$)`)

	compiledMutex sync.Mutex
	compiled      = map[expression]cel.CompilationResult{}
)

// enough is how many are remembered at a time.
const enough = 4_000

func (c *remembering) CompileCELExpression(accessor cel.ExpressionAccessor, declared cel.OptionalVariableDeclarations, mode environment.Type) cel.CompilationResult {
	text := accessor.GetExpression()
	if whole.MatchString(text) {
		return c.Compiler.CompileCELExpression(accessor, declared, mode)
	}
	var types strings.Builder
	for _, match := range variable.FindAllStringSubmatch(text, -1) {
		fmt.Fprintln(&types, match[1], c.types[match[1]])
	}
	key := expression{text: text, returns: fmt.Sprint(accessor.ReturnTypes()), types: types.String(), declared: declared, minor: c.minor, mode: mode}
	compiledMutex.Lock()
	result, ok := compiled[key]
	compiledMutex.Unlock()
	if !ok {
		result = c.Compiler.CompileCELExpression(accessor, declared, mode)
		compiledMutex.Lock()
		if len(compiled) >= enough {
			clear(compiled)
		}
		compiled[key] = result
		compiledMutex.Unlock()
	}
	// Messages and reasons are not the expression's.
	result.ExpressionAccessor = accessor
	return result
}

func (c *remembering) CompileCondition(accessors []cel.ExpressionAccessor, declared cel.OptionalVariableDeclarations, mode environment.Type) cel.ConditionEvaluator {
	results := make([]cel.CompilationResult, len(accessors))
	for i, accessor := range accessors {
		if accessor != nil {
			results[i] = c.CompileCELExpression(accessor, declared, mode)
		}
	}
	return cel.NewCondition(results)
}
