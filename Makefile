# Thin: the presets of CMakePresets.json do the work, and `cmake --workflow --preset release` works
# without make. The packages that a fresh Debian or Ubuntu lacks are installed first.
jobs := $(shell nproc 2>/dev/null || echo 2)
build := build/release

.PHONY: help demo test bench docs packages
help:
	@echo "make demo   train networks, draw their loss landscapes, race the optimizers: out/index.html"
	@echo "make test   build and run the tests"
	@echo "make bench  speed and memory, measured against other libraries"
	@echo "make docs   a searchable site of README.md and docs/: build/docs/site/index.html"
	@echo "Each first installs the packages that are missing (cmake/debian-packages.txt)."

demo: $(build)/build.ninja
	cmake --build --preset release --parallel $(jobs) --target demo

# One test more than there are cores: some wait for other processes most of the time.
test: $(build)/build.ninja
	@if grep -q '^DESCENT_BUILD_TESTS:BOOL=OFF' $(build)/CMakeCache.txt; then \
	  cmake --preset release -DDESCENT_BUILD_TESTS=ON; fi
	cmake --build --preset release --parallel $(jobs)
	ctest --preset release --parallel $$(($(jobs) + 1))

bench: $(build)/build.ninja
	cmake --build --preset release --parallel $(jobs) --target bench

# Needs no LibTorch and no build.
docs:
	@cmake/install-packages docs
	@test -d build/docs/python/mkdocs || python3 -m pip install --quiet --disable-pip-version-check \
	  --root-user-action ignore --target build/docs/python 'mkdocs-material==9.*'
	PYTHONPATH=build/docs/python python3 docs/site.py build/docs

packages:
	@cmake/install-packages build

# Ninja runs CMake again when a CMakeLists.txt has changed, but does not know the presets. The first
# demo is configured without tests, for which pip installs packages of Python.
$(build)/build.ninja: CMakePresets.json | packages
	cmake --preset release $(if $(wildcard $@),,$(if $(filter demo,$(MAKECMDGOALS)),-DDESCENT_BUILD_TESTS=OFF))
	@touch $@
