# Run `make` to see what there is. Everything finds a JDK 25 by itself and brings its own Maven.
MVN := ./scripts/mvn -B -ntp
.DEFAULT_GOAL := help
.PHONY: help build test fmt golden quick

help: ## shows this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

test: ## unit and in-process tests of all modules, with all checks
	$(MVN) verify

quick: ## compiles and tests without formatter and lint (the inner loop)
	$(MVN) -Dquick verify

fmt: ## formats all Java sources
	$(MVN) spotless:apply

golden: ## rewrites golden files; review them with git diff
	$(MVN) -Dquick -Dgolden=rewrite test
