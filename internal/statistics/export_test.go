package statistics

import "context"

// Every is what Run calls.
func Every(ctx context.Context, do func()) { every(ctx, do) }
