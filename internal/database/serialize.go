package database

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const serializeChunk = 200 // rows of one statement

// serializeStatistics turns what we wrote as JSON into what the original reads, in the
// table that is to be its.
func serializeStatistics(ctx context.Context, db querier) error {
	for last := int64(0); ; {
		ids, texts, err := readJSON(ctx, db, last)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := rewrite(ctx, db, ids, texts); err != nil {
			return err
		}
		last = ids[len(ids)-1]
	}
}

// readJSON returns the next rows after one that have JSON.
func readJSON(ctx context.Context, db querier, after int64) (ids []int64, texts []string, err error) {
	rows, err := db.QueryContext(ctx, `
		SELECT id, containersInUsePerHost FROM `+newPrefix+`statistics
		WHERE id > ? AND containersInUsePerHost LIKE '{%' ORDER BY id LIMIT ?`, after, serializeChunk)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, nil, err
		}
		ids, texts = append(ids, id), append(texts, text)
	}
	return ids, texts, rows.Err()
}

func rewrite(ctx context.Context, db querier, ids []int64, texts []string) error {
	var args []any
	for i, id := range ids {
		args = append(args, id, serialize(texts[i]))
	}
	for _, id := range ids {
		args = append(args, id)
	}
	return exec(ctx, db, `
		UPDATE `+newPrefix+`statistics
		SET containersInUsePerHost = CASE id`+strings.Repeat(` WHEN ? THEN ?`, len(ids))+` ELSE containersInUsePerHost END
		WHERE id IN (?`+strings.Repeat(`, ?`, len(ids)-1)+`)`, args...)
}

// serialize writes numbers by name, given as JSON, as PHP does, by name. What cannot be
// read stays as it is: nobody is to lose sessions for a row that somebody spoilt.
func serialize(text string) string {
	var numbers map[string]int
	if err := json.Unmarshal([]byte(text), &numbers); err != nil {
		return text
	}
	var out strings.Builder
	fmt.Fprintf(&out, "a:%d:{", len(numbers))
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		fmt.Fprintf(&out, `s:%d:"%s";i:%d;`, len(name), name, numbers[name])
	}
	out.WriteString("}")
	return out.String()
}
