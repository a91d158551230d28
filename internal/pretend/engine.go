package pretend

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	apinetwork "github.com/docker/docker/api/types/network"
)

// A refusal is an error that the Docker API answers with.
type refusal struct {
	status  int
	message string
}

// Error returns the message. Where clients read it, it is that of a real engine.
func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// An engine holds the images and containers of a host. It is safe for
// concurrent use.
type engine struct {
	config  Config
	network *network
	tasks   *tasks
	events  *eventLog

	mu            sync.Mutex // guards what follows, and the containers' changing fields
	closed        bool
	images        map[string]string    // ids by full name
	containers    map[string]*instance // by id
	names         map[string]*instance // by name
	ports         map[int]*instance    // who has published a port
	bridges       []*bridge            // the networks of containers
	created       int                  // containers so far
	replaced      int                  // images so far
	pullError     string               // what pulls end with; empty: the image
	pullIsNewer   bool                 // the next one brings another image
	readyAfter    time.Duration        // how long a new container takes to answer
	ignoreSignals bool                 // containers do not end at SIGTERM
	oldestAPI     string               // the versions of the API that it speaks
	newestAPI     string
	memory        int64 // of the machine, in bytes
	unlimited     bool  // it cannot enforce limits of containers
	clockAhead    time.Duration
	wrongID       string // given for each container that is created; empty: none is
}

// defaultMemory is enough for as many containers as anybody pretends.
const defaultMemory = 1 << 40

func newEngine(config Config, network *network, tasks *tasks) *engine {
	e := &engine{
		config:     config,
		network:    network,
		tasks:      tasks,
		events:     newEventLog(),
		images:     make(map[string]string),
		containers: make(map[string]*instance),
		names:      make(map[string]*instance),
		ports:      make(map[int]*instance),
		bridges:    []*bridge{newBridge("bridge", apinetwork.CreateOptions{Driver: "bridge", Options: map[string]string{optionOpen: "true"}})},
		oldestAPI:  minAPIVersion,
		newestAPI:  config.APIVersion,
		memory:     cmp.Or(config.Memory, defaultMemory),
	}
	e.setImage(config.Image, config.HasImage)
	return e
}

// close closes the ports of all containers, without events.
func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for _, c := range e.containers {
		e.closePorts(c)
	}
}

// apiVersions returns the oldest and the newest version of the API that it speaks.
func (e *engine) apiVersions() (oldest, newest string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.oldestAPI, e.newestAPI
}

func (e *engine) setImage(name string, present bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name = fullName(name)
	switch {
	case !present:
		delete(e.images, name)
	case e.images[name] == "":
		e.images[name] = newImageID(name, 0)
	}
}

// replaceImage gives a name to an image that had it never before.
func (e *engine) replaceImage(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replaced++
	e.images[fullName(name)] = newImageID(fullName(name), e.replaced)
}

// pulled makes an image be there as the registry has it.
func (e *engine) pulled(name string) {
	e.mu.Lock()
	newer := e.pullIsNewer
	e.pullIsNewer = false
	e.mu.Unlock()
	if newer {
		e.replaceImage(name)
		return
	}
	e.setImage(name, true)
}

// imageID returns the id of the image that has a name, and whether there is one.
func (e *engine) imageID(name string) (id string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, ok = e.images[fullName(name)]
	return id, ok
}

// fullName returns the one name that all ways to name an image stand for.
func fullName(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	name = strings.TrimPrefix(name, "library/")
	if strings.Contains(name, "@") {
		return name
	}
	if slash := strings.LastIndex(name, "/"); !strings.Contains(name[slash+1:], ":") {
		name += ":latest"
	}
	return name
}

// create makes a container from an image that is there.
func (e *engine) create(name string, req container.CreateRequest) (*instance, error) {
	if req.Config == nil {
		return nil, refuse(http.StatusBadRequest, "config cannot be empty in order to create a container")
	}
	if req.HostConfig != nil {
		// Before the image, as engines do.
		if err := checkMounts(req.HostConfig); err != nil {
			return nil, err
		}
	}
	id, ok := e.imageID(req.Config.Image)
	if !ok {
		return nil, refuse(http.StatusNotFound, "No such image: %s", req.Config.Image)
	}
	return e.add(name, id, req)
}

// add makes a container of an image, which need not be there.
func (e *engine) add(name, image string, req container.CreateRequest) (*instance, error) {
	c, err := e.prepare(name, image, req)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return c, e.enter(c)
}

// addRunning makes a container and starts it, between which nobody sees it.
func (e *engine) addRunning(name, image string, req container.CreateRequest) (*instance, error) {
	c, err := e.prepare(name, image, req)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enter(c); err != nil {
		return nil, err
	}
	if err := e.run(c); err != nil {
		e.drop(c)
		return nil, err
	}
	return c, nil
}

// prepare makes a container that is not among the engine's yet.
func (e *engine) prepare(name, image string, req container.CreateRequest) (*instance, error) {
	name = strings.TrimPrefix(name, "/")
	if ok, _ := regexp.MatchString(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`, name); !ok && name != "" {
		return nil, refuse(http.StatusBadRequest, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	c, err := newInstance(name, req, e.config.WorkingDir)
	if err != nil {
		return nil, err
	}
	c.image = image
	return c, nil
}

// enter has a container among the engine's, if its name is free. e.mu is held.
func (e *engine) enter(c *instance) error {
	if other := e.names[c.name]; other != nil {
		return refuse(http.StatusConflict, "Conflict. The container name %q is already in use by container %q. "+
			"You have to remove (or rename) that container to be able to reuse that name.", "/"+c.name, other.id)
	}
	e.created++
	c.created = c.created.Add(e.clockAhead)
	c.number = e.created
	e.containers[c.id] = c
	e.names[c.name] = c
	e.emit(c, events.ActionCreate, nil)
	return nil
}

// find returns the container with an id or a name. e.mu is held.
func (e *engine) find(ref string) (*instance, error) {
	if c := e.containers[ref]; c != nil {
		return c, nil
	}
	if c := e.names[strings.TrimPrefix(ref, "/")]; c != nil {
		return c, nil
	}
	return nil, refuse(http.StatusNotFound, "No such container: %s", ref)
}

// all returns the containers, newest first. e.mu is held.
func (e *engine) all() []*instance {
	list := make([]*instance, 0, len(e.containers))
	for _, c := range e.containers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *instance) int { return cmp.Compare(b.number, a.number) })
	return list
}

// remove removes a container. One that runs is killed with force, else refused.
func (e *engine) remove(ref string, force bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil {
		return err
	}
	if c.running() {
		if !force {
			return refuse(http.StatusConflict, "You cannot remove a running container %s. "+
				"Stop the container before attempting removal or force remove", c.id)
		}
		e.signal(c, sigKill)
	}
	e.drop(c)
	return nil
}

// drop forgets a container that does not run. e.mu is held.
func (e *engine) drop(c *instance) {
	if e.containers[c.id] == nil {
		return // with AutoRemove it went by itself
	}
	delete(e.containers, c.id)
	delete(e.names, c.name)
	e.emit(c, events.ActionDestroy, nil)
}

// emit adds an event of a container to the log. e.mu is held.
func (e *engine) emit(c *instance, action events.Action, more map[string]string) {
	attributes := make(map[string]string, len(c.config.Labels)+2+len(more))
	for k, v := range c.config.Labels {
		attributes[k] = v
	}
	attributes["image"] = c.config.Image
	attributes["name"] = c.name
	for k, v := range more {
		attributes[k] = v
	}
	e.events.add(events.ContainerEventType, action, c.id, attributes)
}
