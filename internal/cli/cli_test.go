package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestExitCode(t *testing.T) {
	failed := errors.New("failed")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{failed, 1},
		{Usage(failed), 2},
		{fmt.Errorf("open: %w", Usage(failed)), 2},
		{errors.Join(failed, Usage(failed)), 2},
	} {
		if got := ExitCode(tt.err); got != tt.want {
			t.Errorf("ExitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
	if err := Usage(failed); !errors.Is(err, failed) || err.Error() != "failed" {
		t.Errorf("a marked error says %q and hides its cause", err)
	}
}

// TestRefusedArgumentsAreUsage: what the command itself returns stays what it is.
func TestRefusedArgumentsAreUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"sub"}, 1},
		{[]string{"sub", "--number", "1"}, 1},
		{[]string{"sub", "argument"}, 2},
		{[]string{"sub", "--number", "x"}, 2},
		{[]string{"sub", "--unknown"}, 2},
		{[]string{"--unknown", "sub"}, 2},
		{[]string{"unknown"}, 2},
		{[]string{"sub", "--help"}, 0},
		{nil, 0},
	} {
		root := &cobra.Command{Use: "root", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return nil }}
		sub := &cobra.Command{Use: "sub", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return errors.New("failed") }}
		sub.Flags().Int("number", 0, "")
		root.AddCommand(sub)
		err := Run(t.Context(), root, tt.args, t.Output(), t.Output())
		if err != nil && strings.Contains(err.Error(), "strconv") {
			t.Errorf("root %q says %q", tt.args, err)
		}
		if got := ExitCode(err); got != tt.want {
			t.Errorf("%q exits %d, want %d", tt.args, got, tt.want)
		}
		if tt.want == 2 && tt.args[0] == "sub" && !strings.Contains(err.Error(), "(see root sub --help)") {
			t.Errorf("%q says %v, want where its own flags are told", tt.args, err)
		}
	}
}
