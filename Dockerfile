# syntax=docker/dockerfile:1

# The runtime's base: glibc, CA certificates, time zones; no shell, no package manager. Releases name
# it by digest: the workflow looks up what the tag stands for and passes IMAGE@sha256:….
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS build
# A C compiler for build scripts, and zig as compiler and linker for both architectures.
# Debian's releases get only fixes, so versions are not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir --break-system-packages cargo-zigbuild==0.24.0
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY dashboards/source/figures.tsv dashboards/source/figures.tsv
COPY src src
COPY simulator simulator
COPY relay relay
# Cargo.toml declares these, so cargo wants to see them; they are not built.
COPY company-model company-model
COPY benches benches
COPY deploy/release deploy/release
ARG TARGETARCH
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
ENV FEISHU_EXPORTER_REVISION=$REVISION SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,id=target-$TARGETARCH \
    case $TARGETARCH in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; *) exit 1 ;; esac; \
    rustup target add $arch-unknown-linux-gnu; \
    OUT=/out deploy/release/build $arch-unknown-linux-gnu.2.31; \
    mv /out/$arch-unknown-linux-gnu /out/bin; \
    mkdir /out/store

FROM $BASE
ARG REVISION=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="feishu-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Feishu and Lark activity statistics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/feishu-exporter/feishu-exporter" \
      org.opencontainers.image.documentation="https://github.com/feishu-exporter/feishu-exporter#readme" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /out/bin/ /usr/local/bin/
COPY LICENSE /usr/share/doc/feishu-exporter/LICENSE
# Only the store is written: the root file system may be read-only.
COPY --from=build --chown=65534:65534 /out/store /var/lib/feishu-exporter
# By number, so that Kubernetes can see that it is not root.
USER 65534:65534
# feishu-exporter.yml is looked for here.
WORKDIR /etc/feishu-exporter
ENV FEISHU_EXPORTER_STORAGE_PATH=/var/lib/feishu-exporter
# Memory that is free goes back to the system at once (docs/performance.md).
ENV MIMALLOC_PURGE_DELAY=0
VOLUME /var/lib/feishu-exporter
EXPOSE 10917
# Asks the exporter wherever it was told to serve.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["feishu-exporter", "healthcheck"]
ENTRYPOINT ["feishu-exporter"]
CMD ["serve"]
