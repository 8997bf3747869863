# The programs as static binaries, and nothing else: no shell, no package manager, no root.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make programs VERSION="${VERSION}" \
 && echo 'cutover:x:65532:65532::/home/cutover:/sbin/nologin' >/tmp/passwd \
 && mkdir -p /tmp/home/cutover /tmp/scratch/tmp \
 && chmod 1777 /tmp/scratch/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /tmp/passwd /etc/passwd
COPY --from=build --chown=65532:65532 /tmp/home /home
COPY --from=build /tmp/scratch /
COPY --from=build /src/bin/ /usr/local/bin/
USER 65532:65532
WORKDIR /home/cutover
ENTRYPOINT ["/usr/local/bin/cutover"]
CMD ["daemon"]
