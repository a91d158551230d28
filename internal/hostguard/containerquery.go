package hostguard

import (
	"net/url"
	"strconv"
)

const (
	maxGrace = 600 // seconds, that a container may take to end
	maxTail  = 1000
)

// number returns a value that is a whole number in its shortest form.
func number(values map[string]string, key string, most int) (string, error) {
	n, err := strconv.Atoi(values[key])
	if err != nil || n < 0 || n > most || strconv.Itoa(n) != values[key] {
		return "", refuse("query: %s: want a whole number up to %d", key, most)
	}
	return values[key], nil
}

func (q *request) stopQuery() (url.Values, error) {
	values, err := readQuery(q.query, "t")
	if err != nil || len(q.body) > 0 {
		return nil, firstOf(err, refuse("sessions do not need a body here"))
	}
	grace, err := number(values, "t", maxGrace)
	return url.Values{"t": {grace}}, err
}

// removeQuery has the volumes of a container go with it: nobody could remove them later.
func (q *request) removeQuery() (url.Values, error) {
	values, err := readQuery(q.query, "v", "force")
	if err != nil {
		return nil, err
	}
	query := url.Values{"v": {"1"}}
	for _, key := range [...]string{"v", "force"} {
		set, err := flagOf(values, key)
		if err != nil {
			return nil, err
		}
		if set {
			query.Set(key, "1")
		}
	}
	return query, nil
}

// logsQuery is for the end of what a container has written, and for nothing that it still
// will.
func (q *request) logsQuery() (url.Values, error) {
	values, err := readQuery(q.query, "stdout", "stderr", "tail")
	if err != nil {
		return nil, err
	}
	tail, err := number(values, "tail", maxTail)
	query := url.Values{"tail": {tail}}
	for _, key := range [...]string{"stdout", "stderr"} {
		set, wrong := flagOf(values, key)
		if set {
			query.Set(key, "1")
		}
		err = firstOf(err, wrong)
	}
	return query, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
