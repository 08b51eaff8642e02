# One node of a lockstep cluster. What it holds: Node, the compiled program, its libraries. It runs
# as a user that may write nothing but /data.
#
#   docker build -t lockstep .
#   docker run --rm lockstep help node
#
# By itself it listens inside of the container alone. To be reached it needs LOCKSTEP_HOST and
# LOCKSTEP_RAFT_HOST, and with them certificates and tokens; docs/running.md says how.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run -s build && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production
ENV LOCKSTEP_DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/cli/lockstep.js ./cli/lockstep.js
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8001 9001
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "cli/lockstep.js"]
CMD ["node"]
