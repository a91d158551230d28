package hosts

import (
	"context"
	"fmt"
	"strconv"

	"github.com/docker/docker/api/types/container"
)

// lastOutput returns the end of what the container wrote, if it is kept by its
// engine.
func (e *engine) lastOutput(ctx context.Context, id string) (string, error) {
	body, err := e.client().ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(maxOutputLines),
	})
	if err != nil {
		return "", err
	}
	defer body.Close()
	var end tail
	err = copyOutput(&end, body)
	return end.String(), err
}

// newExit says how a container ended; nil: it has not, or never ran.
func newExit(s *container.State) *Exit {
	if s.Status != container.StateExited && s.Status != container.StateDead {
		return nil
	}
	return &Exit{Code: s.ExitCode, OutOfMemory: s.OOMKilled}
}

// exitKilled is the exit code of whoever SIGKILL ended.
const exitKilled = 128 + 9

// An Exit is how a container ended.
type Exit struct {
	Code        int
	OutOfMemory bool // the kernel killed some process of it
}

// String is for people.
func (e *Exit) String() string {
	if e.OutOfMemory {
		return fmt.Sprintf("exit code %d, out of memory", e.Code)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}
