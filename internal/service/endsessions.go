package service

import (
	"context"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/clock"
)

// admission is what it may take from the look at an account to the claim for it.
const admission = time.Second

// EndSessions ends the sessions of an account that may not come in any more, and returns
// how many there were. Other processes may not know that yet: what they have let in
// meanwhile is ended as well.
func (s *Service) EndSessions(ctx context.Context, account string) (int, error) {
	first, err := s.Sessions.StopAccount(ctx, account)
	if err != nil {
		return first, err
	}
	if err := clock.Sleep(ctx, accounts.KnownFor+admission); err != nil {
		return first, err
	}
	late, err := s.Sessions.StopAccount(ctx, account)
	return first + late, err
}
