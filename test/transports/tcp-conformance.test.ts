// The conformance suite over TCP on this machine, plain and under TLS, with all dialling all and
// with each pair dialled by one end only.

import { transportConformance } from '../../transports/conformance.ts'
import type { PlaceSupports } from '../../transports/conformance.ts'
import type { StageNode } from '../../transports/conformance-party.ts'
import { suite } from '../harness.ts'
import { ownTls } from './certificates.ts'
import { stagePorts, TcpPlace } from './tcp-place.ts'

const test = suite('transport conformance over TCP')

const supports: PlaceSupports = { unopenable: true, floodBytes: 24_000_000 }

function run(name: string, make: (ports: Map<StageNode, number>) => TcpPlace): void {
  let place: TcpPlace | null = null
  transportConformance({
    test: (title, body) => {
      test(`${name}: ${title}`, async () => {
        place = make(await stagePorts())
        await body()
      })
    },
    place: () => place as TcpPlace,
    supports
  })
}

run('tcp', ports => new TcpPlace(ports))
run('tcp, dialled by one end', ports => new TcpPlace(ports, null, (node, peer) => node < peer))
run('tls', ports => new TcpPlace(ports, ownTls))

test.run()
