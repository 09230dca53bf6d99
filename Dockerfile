# The images of pandastack: the last stage, which is the default, runs builds of
# sites; slim publishes what an earlier step built.
#
# All bases are the official ones. Give digests with
#   --build-arg GO_IMAGE=golang:1.26-bookworm@sha256:…
ARG GO_IMAGE=golang:1.26-bookworm
ARG NODE_IMAGE=node:24-bookworm-slim

# BuildKit names the platforms; the builder before it leaves them empty, and
# then all is for the machine that builds.
FROM --platform=${BUILDPLATFORM:-linux} ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY internal internal
COPY providers providers
ARG VERSION=
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/pandastack-io/pandastack/internal/cli.version=${VERSION}" \
      -o /out/usr/local/bin/pandastack . \
 && mkdir -p /out/etc/ssl/certs \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && mkdir -m 1777 /out/tmp

FROM scratch AS slim
ARG VERSION=
LABEL org.opencontainers.image.title="pandastack slim" \
      org.opencontainers.image.description="Publish a static site that is built already to storage that you own" \
      org.opencontainers.image.source="https://github.com/pandastack-io/pandastack" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH=/usr/local/bin \
    PANDASTACK_BUILD_UID=64646
COPY --from=build /out/ /
ENTRYPOINT ["/usr/local/bin/pandastack"]

# Builds of sites run in here: Node.js is the LTS release, npm comes with it,
# corepack brings pnpm and yarn, and git tells the commit that is deployed. The
# checkout of CircleCI needs ssh.
# https://circleci.com/docs/custom-images/#required-tools-for-primary-containers
FROM ${NODE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends bash ca-certificates git openssh-client \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
# Builds do not run as root here: as the workspace's owner, or where that is
# root as this user, which owns nothing else.
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0 \
    PANDASTACK_BUILD_UID=64646
ARG VERSION=
LABEL org.opencontainers.image.title="pandastack" \
      org.opencontainers.image.description="Publish a static site to storage that you own" \
      org.opencontainers.image.source="https://github.com/pandastack-io/pandastack" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/usr/local/bin/pandastack /usr/local/bin/pandastack
# No USER: GitHub mounts the workspace and the files for outputs for root.
# https://docs.github.com/en/actions/reference/workflows-and-actions/dockerfile-support
ENTRYPOINT ["/usr/local/bin/pandastack"]
