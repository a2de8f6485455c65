# The CUE evaluator: one WebAssembly module, the same on every platform, so it is built on the builder's own.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS cue
WORKDIR /shim
COPY daemon/render/cue/shim/go.mod daemon/render/cue/shim/go.sum ./
RUN go mod download
COPY daemon/render/cue/shim/ ./
RUN GOOS=wasip1 GOARCH=wasm GOWORK=off GOFLAGS=-mod=readonly go build -buildmode=c-shared -trimpath -ldflags="-s -w" -o /cue.wasm .

# Production packages only, without Node from npm: the image has the official one. No install script is run.
FROM node:26.10.0-slim AS packages
WORKDIR /lateen
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:26.10.0-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir /work && chown 1000:1000 /work
WORKDIR /lateen
COPY --from=packages /lateen/node_modules/ node_modules/
COPY --from=cue /cue.wasm cue.wasm
COPY package.json ./
COPY schemas/ schemas/
COPY daemon/ daemon/
# /work is the only place that is written to: clone, outbox, and git's and ssh's scratch files. The root may be read-only.
ENV NODE_ENV=production \
    LATEEN_WORK_DIR=/work \
    LATEEN_CUE_WASM=/lateen/cue.wasm \
    HOME=/work \
    TMPDIR=/work
VOLUME /work
# The image's own user `node`, by number, so that `runAsNonRoot` can be checked.
USER 1000:1000
CMD ["node", "daemon/main.ts", "run"]
