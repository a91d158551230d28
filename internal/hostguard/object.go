package hostguard

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
)

// An object is one of a body, whose members are taken out of it one by one. What is left
// in the end was not understood. The first thing that is wrong stays.
type object struct {
	name    string // of the object, for people; empty: the body
	members map[string]any
	known   []string // that were taken
	err     error
}

// in names a member for people.
func (o *object) in(key string) string {
	if o.name == "" {
		return key
	}
	return o.name + "." + key
}

func (o *object) wrong(key, format string, args ...any) {
	if o.err == nil {
		o.err = refuse("%s: "+format, append([]any{o.in(key)}, args...)...)
	}
}

// take returns a member and removes it; nil: there is none.
func (o *object) take(key string) any {
	value := o.members[key]
	delete(o.members, key)
	o.known = append(o.known, key)
	return value
}

// same takes a member that may have one value only.
func (o *object) same(key string, want any) {
	if got := o.take(key); !reflect.DeepEqual(got, want) {
		text, _ := json.Marshal(want) // of strings and booleans
		o.wrong(key, "want %s", text)
	}
}

// text takes a string.
func (o *object) text(key string) string {
	value := o.take(key)
	text, ok := value.(string)
	if !ok && value != nil {
		o.wrong(key, "want a string")
	}
	return text
}

// whole takes a whole number.
func (o *object) whole(key string) int64 {
	value := o.take(key)
	number, ok := value.(json.Number)
	if !ok && value != nil {
		o.wrong(key, "want a number")
	}
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		o.wrong(key, "want a whole number")
	}
	return n
}

// texts takes a list of strings.
func (o *object) texts(key string) []string {
	var texts []string
	for _, value := range o.list(key) {
		text, ok := value.(string)
		if !ok {
			o.wrong(key, "want a list of strings")
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

// list takes a list.
func (o *object) list(key string) []any {
	value := o.take(key)
	list, ok := value.([]any)
	if !ok && value != nil {
		o.wrong(key, "want a list")
	}
	return list
}

// child takes an object; it is empty where there is none.
func (o *object) child(key string) *object {
	value := o.take(key)
	members, ok := value.(map[string]any)
	if !ok && value != nil {
		o.wrong(key, "want an object")
	}
	return &object{name: o.in(key), members: members}
}

// element returns an element of a list that has to be an object.
func (o *object) element(key string, value any) *object {
	members, ok := value.(map[string]any)
	if !ok {
		o.wrong(key, "want a list of objects")
	}
	return &object{name: o.in(key), members: members}
}

// end returns what is wrong with the object, or with those in it. Members that nobody took
// are left out if they say nothing, unless an engine could take them for one that is known.
func (o *object) end(inner ...*object) error {
	for _, i := range inner {
		if err := i.end(); o.err == nil {
			o.err = err
		}
	}
	for key, value := range o.members {
		looksLike := func(known string) bool { return fold(known) == fold(key) }
		switch {
		case slices.ContainsFunc(o.known, looksLike):
			o.wrong(key, "it looks like another key")
		case !isEmpty(value):
			o.wrong(key, "sessions do not need it")
		}
	}
	return o.err
}
