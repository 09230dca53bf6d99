# The image of the GitHub Action, and a way to run pandastack without Go. Both
# bases are the official ones; give a digest with
#   --build-arg GO_IMAGE=golang:1.26-bookworm@sha256:…
ARG GO_IMAGE=golang:1.26-bookworm
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY internal internal
COPY providers providers
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath \
      -ldflags "-s -w -X github.com/pandastack-io/pandastack/internal/cli.version=${VERSION}" \
      -o /out/pandastack .

# Builds of sites run in here: Node.js is the LTS release, npm comes with it,
# corepack brings pnpm and yarn, and git tells the commit that is deployed.
FROM ${NODE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends bash ca-certificates git \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
COPY --from=build /out/pandastack /usr/local/bin/pandastack
ARG VERSION=
LABEL org.opencontainers.image.title="pandastack" \
      org.opencontainers.image.description="Publish a static site to storage that you own" \
      org.opencontainers.image.source="https://github.com/pandastack-io/pandastack" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# No USER: GitHub mounts the workspace and the files for outputs for root.
# https://docs.github.com/en/actions/reference/workflows-and-actions/dockerfile-support
ENTRYPOINT ["/usr/local/bin/pandastack"]
