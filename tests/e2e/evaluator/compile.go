package evaluator

import (
	"context"
	"errors"
	"fmt"

	admissionreviewv1 "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"
)

// The plugin keeps its own compile function to itself, so this file puts the same parts together. It differs in two
// points: an expression that does not compile is an error here, where the API server has refused the policy before,
// and the environment is that of the oldest server that manifests have to run on, for new expressions: those take what
// the release before it had.
func environmentOf(minor uint) *environment.EnvSet {
	return environment.MustBaseEnvSet(version.MajorMinor(1, minor-1))
}

// costs are what expressions have cost.
type costs struct {
	total   int64
	unknown bool // a budget did not suffice, and what was spent is not told
}

// counting counts what the expressions cost that are evaluated one after the other.
type counting struct {
	cel.ConditionEvaluator
	costs *costs
}

func (c counting) ForInput(ctx context.Context, attr *admission.VersionedAttributes, request *admissionreviewv1.AdmissionRequest, vars cel.OptionalVariableBindings, namespace *corev1.Namespace, budget int64) ([]cel.EvaluationResult, int64, error) {
	results, left, err := c.ConditionEvaluator.ForInput(ctx, attr, request, vars, namespace, budget)
	if err != nil {
		c.costs.unknown = true
	} else {
		c.costs.total += budget - left
	}
	return results, left, err
}

func compile(policy *admissionv1.ValidatingAdmissionPolicy, minor uint, costs *costs) (validating.Validator, error) {
	compiler, err := cel.NewCompositedCompiler(environmentOf(minor))
	if err != nil {
		return nil, err
	}
	known := &remembering{Compiler: compiler.Compiler, minor: minor, types: map[string]string{}}
	compiler.Compiler, compiler.ConditionCompiler = known, known
	hasParams := policy.Spec.ParamKind != nil
	all := cel.OptionalVariableDeclarations{HasParams: hasParams, HasAuthorizer: true}
	messages := cel.OptionalVariableDeclarations{HasParams: hasParams}

	var errs []error
	for _, v := range policy.Spec.Variables {
		result := compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, all, environment.NewExpressions)
		if result.Error != nil {
			errs = append(errs, fmt.Errorf("variable %s: %w", v.Name, result.Error))
		}
		known.types[v.Name] = fmt.Sprint(result.OutputType)
	}
	conditions := func(what string, accessors []cel.ExpressionAccessor, vars cel.OptionalVariableDeclarations) cel.ConditionEvaluator {
		evaluator := compiler.CompileCondition(accessors, vars, environment.NewExpressions)
		for _, err := range evaluator.CompilationErrors() {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
		return counting{evaluator, costs}
	}

	var matcher matchconditions.Matcher
	if len(policy.Spec.MatchConditions) > 0 {
		var accessors []cel.ExpressionAccessor
		for i := range policy.Spec.MatchConditions {
			accessors = append(accessors, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
		}
		matcher = matchconditions.NewMatcher(conditions("match condition", accessors, all), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	validations := make([]cel.ExpressionAccessor, len(policy.Spec.Validations))
	messageExpressions := make([]cel.ExpressionAccessor, len(policy.Spec.Validations))
	for i, v := range policy.Spec.Validations {
		validations[i] = &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason}
		if v.MessageExpression != "" {
			messageExpressions[i] = &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
	}
	annotations := make([]cel.ExpressionAccessor, len(policy.Spec.AuditAnnotations))
	for i, a := range policy.Spec.AuditAnnotations {
		annotations[i] = &validating.AuditAnnotationCondition{Key: a.Key, ValueExpression: a.ValueExpression}
	}
	validator := validating.NewValidator(
		conditions("validation", validations, all),
		matcher,
		conditions("audit annotation", annotations, all),
		conditions("message expression", messageExpressions, messages),
		policy.Spec.FailurePolicy,
		nil,
	)
	return validator, errors.Join(errs...)
}
