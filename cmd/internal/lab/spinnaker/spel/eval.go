package spel

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// longestString bounds a string that an expression builds, in bytes.
const longestString = 1 << 20

// Env is what an expression can see. Values are those of encoding/json.
type Env struct {
	// Lookup finds a name of the context. An unknown name is null, as in Orca.
	Lookup func(name string) (any, bool)
	// Functions are called as #name(...).
	Functions map[string]func(arguments []any) (any, error)
}

// Eval evaluates the expression.
func (e *Expression) Eval(env Env) (any, error) { return e.root.eval(env) }

type node interface {
	eval(env Env) (any, error)
}

type (
	literal  struct{ value any }
	variable string
	member   struct {
		of   node
		name string
		safe bool // ?. gives null for a member of null
	}
	index struct{ of, key node }
	unary struct {
		op      string
		operand node
	}
	binary struct {
		op          string
		left, right node
	}
	choice struct{ condition, then, otherwise node }
	elvis  struct{ value, otherwise node }
	call   struct {
		function  string
		arguments []node
	}
)

func (n literal) eval(Env) (any, error) { return n.value, nil }

func (n variable) eval(env Env) (any, error) {
	if env.Lookup == nil {
		return nil, nil
	}
	value, _ := env.Lookup(string(n))
	return value, nil
}

func (n member) eval(env Env) (any, error) {
	of, err := n.of.eval(env)
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case map[string]any:
		return of[n.name], nil
	case nil:
		if n.safe {
			return nil, nil
		}
		return nil, fmt.Errorf("property %q of null", n.name)
	default:
		return nil, fmt.Errorf("property %q of %s", n.name, describe(of))
	}
}

func (n index) eval(env Env) (any, error) {
	of, err := n.of.eval(env)
	if err != nil {
		return nil, err
	}
	if object, ok := of.(map[string]any); ok {
		if bare, ok := n.key.(variable); ok { // Spring takes a bare name in a map's index for the key itself
			return object[string(bare)], nil
		}
		key, err := n.key.eval(env)
		if err != nil {
			return nil, err
		}
		return object[String(key)], nil
	}
	list, ok := of.([]any)
	if !ok {
		return nil, fmt.Errorf("index of %s", describe(of))
	}
	key, err := n.key.eval(env)
	if err != nil {
		return nil, err
	}
	i, ok := key.(float64)
	if !ok || i != math.Trunc(i) || i < 0 || i >= float64(len(list)) {
		return nil, fmt.Errorf("index %s of a list of %d", String(key), len(list))
	}
	return list[int(i)], nil
}

func (n unary) eval(env Env) (any, error) {
	value, err := n.operand.eval(env)
	if err != nil {
		return nil, err
	}
	if n.op == "-" {
		if number, ok := value.(float64); ok {
			return -number, nil
		}
		return nil, fmt.Errorf("minus %s", describe(value))
	}
	truth, err := boolean(value)
	return !truth, err
}

func (n choice) eval(env Env) (any, error) {
	value, err := n.condition.eval(env)
	if err != nil {
		return nil, err
	}
	truth, err := boolean(value)
	switch {
	case err != nil:
		return nil, err
	case truth:
		return n.then.eval(env)
	default:
		return n.otherwise.eval(env)
	}
}

// eval of an elvis treats the empty string as null, as Spring does.
func (n elvis) eval(env Env) (any, error) {
	value, err := n.value.eval(env)
	if err != nil || (value != nil && value != "") {
		return value, err
	}
	return n.otherwise.eval(env)
}

func (n call) eval(env Env) (any, error) {
	function, ok := env.Functions[n.function]
	if !ok {
		return nil, fmt.Errorf("unknown function #%s", n.function)
	}
	var arguments []any
	for _, a := range n.arguments {
		value, err := a.eval(env)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, value)
	}
	return function(arguments)
}

func (n binary) eval(env Env) (any, error) {
	left, err := n.left.eval(env)
	if err != nil {
		return nil, err
	}
	if n.op == "&&" || n.op == "||" {
		truth, err := boolean(left)
		if err != nil || truth == (n.op == "||") {
			return truth, err
		}
	}
	right, err := n.right.eval(env)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "&&", "||":
		return boolean(right)
	case "==":
		return reflect.DeepEqual(left, right), nil
	case "!=":
		return !reflect.DeepEqual(left, right), nil
	case "+":
		return add(left, right)
	case "-":
		l, lok := left.(float64)
		r, rok := right.(float64)
		if !lok || !rok {
			return nil, fmt.Errorf("%s minus %s", describe(left), describe(right))
		}
		return l - r, nil
	default:
		return compare(n.op, left, right)
	}
}

func add(left, right any) (any, error) {
	l, lok := left.(float64)
	r, rok := right.(float64)
	if lok && rok {
		return l + r, nil
	}
	_, ltext := left.(string)
	_, rtext := right.(string)
	if !ltext && !rtext {
		return nil, fmt.Errorf("%s plus %s", describe(left), describe(right))
	}
	sum := String(left) + String(right)
	if len(sum) > longestString {
		return nil, fmt.Errorf("a string longer than %d bytes", longestString)
	}
	return sum, nil
}

func compare(op string, left, right any) (any, error) {
	var order int
	switch l := left.(type) {
	case float64:
		r, ok := right.(float64)
		if !ok {
			return nil, fmt.Errorf("%s %s %s", describe(left), op, describe(right))
		}
		order = cmp.Compare(l, r)
	case string:
		r, ok := right.(string)
		if !ok {
			return nil, fmt.Errorf("%s %s %s", describe(left), op, describe(right))
		}
		order = strings.Compare(l, r)
	default:
		return nil, fmt.Errorf("%s %s %s", describe(left), op, describe(right))
	}
	switch op {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

// boolean converts as Spring does: the words true and false count.
func boolean(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
	}
	return false, fmt.Errorf("%s is neither true nor false", describe(value))
}

// String writes a value as it stands inside a longer text.
func String(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func describe(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
