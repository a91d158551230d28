package bubbletest

import (
	"bytes"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyTimers: without [begin] the race detector ends the process.
func TestManyTimers(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for range 100 {
		Run(t, func(*testing.T) {
			var sleepers sync.WaitGroup
			for i := range 50 {
				sleepers.Go(func() {
					for j := range 20 {
						time.AfterFunc(time.Duration(j%3)*time.Millisecond, func() {})
						time.Sleep(time.Duration(1+(i*j)%3) * time.Millisecond)
					}
				})
			}
			sleepers.Wait()
			time.Sleep(time.Second)
			synctest.Wait()
		})
	}
	if n := runtime.GOMAXPROCS(0); n != 4 {
		t.Errorf("%d processors after the bubbles, want 4", n)
	}
}

// TestBubblesAtOnce: the last to end gives the processors back.
func TestBubblesAtOnce(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	inside, first, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	t.Run("bubbles", func(t *testing.T) {
		t.Run("first", func(t *testing.T) {
			t.Parallel()
			<-inside
			Run(t, func(*testing.T) {})
			close(first)
		})
		t.Run("last", func(t *testing.T) {
			t.Parallel()
			begin()
			defer close(over)
			defer end()
			close(inside)
			<-first
			if n := runtime.GOMAXPROCS(0); n != 1 {
				t.Errorf("%d processors while there is a bubble, want 1", n)
			}
		})
	})
	<-over
	if n := runtime.GOMAXPROCS(0); n != 4 {
		t.Errorf("%d processors after the bubbles, want 4", n)
	}
}

func TestNobodyElseMakesBubbles(t *testing.T) {
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := fs.ReadFile(root, path)
		if bytes.Contains(content, []byte("synctest"+".Test(")) {
			t.Errorf("%s: bubbletest.Run is for that", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
