-- SPDX-License-Identifier: Apache-2.0
--
-- bench/pktgen/pktgen.lua - rounds of one pcap with a reset of the room between them. Run by Pktgen
-- (-f); set what follows to your room.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;../?.lua"
require "Pktgen"

local port = "0"
local rounds = 5
local frames = 60000 -- as many as the pcap has
local rate = 10 -- percent of the line
local room = "bench/pktgen/room"
local endpoint = "unix:/run/sluice/api.sock" -- or ssh to where the API is
local plan = "plan"

pktgen.stop(port)
pktgen.clr()
pktgen.pcap(port, "on")
pktgen.set(port, "rate", rate)
pktgen.set(port, "count", frames)

for round = 1, rounds do
	if round > 1 then
		local command = string.format("%s reset --endpoint %s < %s", room, endpoint, plan)
		assert(os.execute(command), "the room was not reset: " .. command)
	end
	local before = pktgen.portStats(port, "port")[tonumber(port)]
	pktgen.start(port)
	while pktgen.isSending(port) == "y" do
		pktgen.delay(10)
	end
	pktgen.delay(500) -- what is under way
	local after = pktgen.portStats(port, "port")[tonumber(port)]
	printf("round %d: sent %d, received %d\n", round, after.opackets - before.opackets,
		after.ipackets - before.ipackets)
end
