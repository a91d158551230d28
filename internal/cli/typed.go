package cli

import (
	"regexp"

	"github.com/spf13/cobra"
)

// commandLine is one of ours in a text: the program's name, and a word or a flag that it
// takes. Without such a word "distributor" is the one that runs.
var commandLine = regexp.MustCompile(`(^|[^\w./-])(distributor|cleanup) (--[a-z]|[0-9]|(?:accounts|config|healthcheck|hosts|journal|migrate|` +
	`pause|processes|reload|resume|sessions|statistics|status|token|version|why)\b)`)

// Typed returns a text with command lines of ours as they are typed where this program is
// installed: the Debian package calls the programs wrp-distributor and wrp-cleanup.
func Typed(text string) string { return typed(prefix, text) }

func typed(prefix, text string) string {
	if prefix == "" {
		return text
	}
	return commandLine.ReplaceAllString(text, "${1}"+prefix+"${2} ${3}")
}

// Program is what a program of ours is called where it is installed.
func Program(name string) string { return prefix + name }

// callAsInstalled has the help of all commands say what is typed.
func callAsInstalled(cmd *cobra.Command) {
	cmd.Long, cmd.Example = Typed(cmd.Long), Typed(cmd.Example)
	for _, sub := range cmd.Commands() {
		callAsInstalled(sub)
	}
}
