# "make" lists what there is.

GO ?= go

# The race detector does not look into SQLite, which is translated from C, and the arithmetic
# of ciphers: no goroutines of ours meet there, and it made both several times slower. Without
# DWARF, which no test reads, test binaries are linked sooner.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false \
	-gcflags=crypto/internal/fips140/...=-race=false -gcflags=golang.org/x/crypto/blowfish=-race=false -ldflags=-w
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Working on it

run: build ## serve on 127.0.0.1:7777, nothing to prepare
	@scripts/run.sh

build: ## build the commands into bin/
	$(GO) build -o bin/ ./cmd/...

test: ## all tests with the race detector; installs missing Debian packages if root
	@scripts/packages.sh
	@# make check has the whole of go vet
	$(GO) tool gotestsum --format pkgname-and-test-fails -- $(RACE) -vet=off -timeout 30m ./...
	@# a thousand times, which takes too long with the race detector
	$(GO) test -vet=off -run Leaks ./internal/session

e2e: ## the tests that take long, one package after the other
	@scripts/packages.sh e2e
	E2E=1 $(GO) tool gotestsum --format standard-verbose -- $(RACE) -vet=off -timeout 60m -count 1 -p 1 -run '^TestE2E' ./...

check: ## formatting, go vet, staticcheck, syntax of scripts
	@unformatted=$$(gofmt -l cmd docs internal migrations docker packaging scripts) && \
		if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags crashpoints ./...
	$(GO) tool staticcheck ./...
	@for script in scripts/*.sh docker/host/*.sh docker/test-images/*/*.sh internal/hostsetup/*.sh packaging/*/postinst packaging/*/prerm packaging/*/postrm; do sh -n $$script || exit 1; done
	@bash -n .ci/run

torture: ## trouble of all kinds for DURATION=120 seconds; SEED=n repeats a run, REAL=n takes real hosts, with GUARD=true through hostguard, WARM=0, GATEWAY=false, SLOW=n bytes/s to one host, OLD=revision beside today's, LEAVE=false for hosts that stay, PORTAL=false for no people with passwords
	CI=1 $(GO) test -v -run '^TestTorture$$' -timeout $$(($(or $(DURATION),120) + 1800))s ./internal/torture -args \
		-duration $(or $(DURATION),120)s -seed $(or $(SEED),0) -clients 60 -real $(or $(REAL),0) -guard=$(or $(GUARD),false) -slow $(or $(SLOW),0) -old "$(OLD)" \
		-warm $(or $(WARM),2) -gateway=$(or $(GATEWAY),true) -leave=$(or $(LEAVE),true) -portal=$(or $(PORTAL),true)

bench: ## what the service adds to Docker, and many sessions to that; ROUNDS=20, BUDGET=20s a part of scale, ONLY=put, gateway, scale, or of that: claims, starts, status, head, hosts, memory, cleanup, warm, streams, statistics, portal
	CI=1 E2E=1 $(GO) test -v -run '^(TestBench|TestE2EScale)$$' -timeout $$((($(or $(ROUNDS),20) + 12) * 120))s ./internal/bench -args \
		-rounds $(or $(ROUNDS),20) -only "$(ONLY)" -browser 2s -window 1s -budget $(or $(BUDGET),20s) -divide 1

test-images: ## images for tests: MySQL, MariaDB, a container host, Caddy, with WRP_SOURCE=CLONE tenox7/wrp (cached; not needed for run)
	@scripts/test-images.sh

deb: ## Debian packages of distributor and hostguard, in dist/; ARCH=amd64, arm64 or armhf, VERSION=1.2.3
	@scripts/deb.sh

release: ## a release in dist/: archives, packages, SBOM, sums; the same bytes from the same commit, RELEASE="amd64 arm64 armv7"
	@scripts/release.sh

release-image: ## the image of that release, for this machine; PUSH="registry/name:tag ..." for all, and pushed there
	@scripts/release-image.sh $(PUSH)

vuln: ## fail if a known vulnerability is called; asks vuln.go.dev, or VULNDB=file:///folder
	$(GO) tool -modfile=packaging/tools/go.mod govulncheck $(if $(VULNDB),-db $(VULNDB)) ./cmd/...

## The Compose stack: MySQL, distributor, cleanup, and with COMPOSE_PROFILES=tls Caddy

image: ## build the image wrpdistributor from binaries made here
	@scripts/stack.sh image

up: ## build and start the stack
	@scripts/stack.sh up

stop: ## stop all sessions and the stack
	@scripts/stack.sh stop

logs: ## follow the stack's logs
	@scripts/stack.sh logs

cleanup_session: ## stop sessions unused for TIMEOUT=10 minutes
	@scripts/stack.sh cleanup $(TIMEOUT)

refresh: ## newer images for all parts of the stack, and WRP's on all hosts; sessions go on
	@scripts/refresh.sh

down: ## stop all sessions, remove the stack, keep its data
	@scripts/stack.sh down

destroy: ## the same, and remove the database
	@scripts/stack.sh destroy

## Its database, or a SQLite file

backup: ## back up what is there, to FILE=backup-DATE.sql or .db
	@scripts/backup.sh backup "$(FILE)"

restore: ## put FILE= back, while the distributor is stopped; FORCE=1: even if that loses sessions
	@scripts/backup.sh restore "$(FILE)"

clean: ## remove what was built
	rm -rf bin dist

.PHONY: help run build test e2e check torture bench test-images deb release release-image vuln image up stop logs cleanup_session refresh down destroy backup restore clean
