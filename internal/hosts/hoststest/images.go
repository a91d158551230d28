package hoststest

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// making is for one image at a time: two tests may need the same.
var making sync.Mutex

// NeedImage makes sure that this machine's engine has an image of scripts/test-images.sh.
// On a new machine that takes a minute or two.
func NeedImage(t testing.TB, image string) {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	if _, err := command("", "docker", "image", "inspect", image); err == nil {
		return
	}
	name := strings.TrimPrefix(image, "wrp-test-")
	cmd := exec.CommandContext(t.Context(), "scripts/test-images.sh", name)
	cmd.Dir = Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		Missing(t, "the image "+image+", which scripts/test-images.sh "+name+" is to make:\n"+string(out))
	}
}
