# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
# ring is built with a C compiler. Debian's releases get only fixes, so versions are not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY simulator simulator
COPY dashboards/source/figures.tsv dashboards/source/figures.tsv
COPY src src
# Cargo.toml declares the benches, so cargo wants to see them; they are not built.
COPY benches benches
ARG REVISION=unknown
ENV FEISHU_EXPORTER_REVISION=$REVISION
RUN cargo build --release --locked --bin feishu-exporter

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="feishu-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Feishu and Lark activity statistics" \
      org.opencontainers.image.licenses="Apache-2.0"
# Time zones are in the binary.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/target/release/feishu-exporter /usr/local/bin/feishu-exporter
RUN install --directory --owner=65534 --group=65534 /var/lib/feishu-exporter
COPY LICENSE /usr/share/doc/feishu-exporter/LICENSE
# By number, so that Kubernetes can see that it is not root.
USER 65534:65534
# feishu-exporter.yml is looked for here. Only the store is written: the root file system may be
# read-only.
WORKDIR /etc/feishu-exporter
ENV FEISHU_EXPORTER_STORAGE_PATH=/var/lib/feishu-exporter
VOLUME /var/lib/feishu-exporter
EXPOSE 10917
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["feishu-exporter", "healthcheck"]
ENTRYPOINT ["feishu-exporter"]
CMD ["serve"]
