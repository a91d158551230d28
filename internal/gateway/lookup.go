package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	lookupPause   = time.Second // between two looks, so that guesses cost next to nothing
	lookupTimeout = 5 * time.Second
	maxToken      = 64 // bytes, which is what the database has room for
)

// lookUp puts the session that a token opens into the table, if there is one. The
// database is asked for all tokens that came meanwhile together, by their index.
func (g *Gateway) lookUp(ctx context.Context, token string) error {
	if !plausible(token) {
		return nil
	}
	return g.lookups.answer(ctx, g.alive, &g.tasks, token, func(tokens []string) error {
		if err := g.addSessionsOf(tokens); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	})
}

// plausible reports whether a token could be one of ours. Nobody else's is a matter for the
// database, however long it is, and whatever a database makes of bytes that are no text.
func plausible(token string) bool {
	for i := range len(token) {
		if token[i] < ' ' || token[i] > '~' {
			return false
		}
	}
	return token != "" && len(token) <= maxToken
}

func (g *Gateway) addSessionsOf(tokens []string) error {
	ctx, cancel := context.WithTimeout(g.alive, lookupTimeout)
	defer cancel()
	for chunk := range slices.Chunk(tokens, maxChunk) {
		list, err := g.Store.GatewaySessionsOf(ctx, chunk)
		if err != nil {
			return err
		}
		g.routes.addAll(list, g.newRoute)
	}
	return nil
}
