# One binary in a minimal image. The schema, the WSDL and the support page are inside it.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin plumbline

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/plumbline /usr/local/bin/plumbline
ENV PLUMBLINE_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=6s --start-period=20s \
    CMD ["/usr/local/bin/plumbline", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/plumbline"]
CMD ["serve"]
