-- SPDX-License-Identifier: Apache-2.0
--
-- bench/pktgen/pktgen.lua - rounds of one pcap with a reset of the room between them. Run by Pktgen
-- (-f), which ends with it; set what follows to your room.
local port = 0
local rounds = 5
local frames = 60000 -- as many as the pcap has
local rate = 10 -- percent of the line; fractions are possible
local room = "bench/pktgen/room"
local endpoint = "unix:/run/sluice/api.sock" -- or ssh to where the API is
local plan = "plan"

local list = tostring(port) -- Pktgen takes lists of ports, and answers with tables by port

local function counts()
	return pktgen.portStats(list, "port")[port]
end

pktgen.stop(list)
pktgen.clr()
pktgen.pcap(list, "on")
pktgen.set(list, "rate", rate)
pktgen.set(list, "count", frames)

local before = counts()
for round = 1, rounds do
	if round > 1 then
		local command = string.format("%s reset --endpoint %s < %s", room, endpoint, plan)
		assert(os.execute(command), "the room was not reset: " .. command)
	end
	pktgen.start(list)
	repeat
		pktgen.delay(100)
	until pktgen.isSending(list)[port] == "n"
	pktgen.delay(2500) -- what is under way; and Pktgen reads its counters once a second
	local after = counts()
	print(string.format("\nround %d: sent %d, received %d", round,
		after.opackets - before.opackets, after.ipackets - before.ipackets))
	before = after
end
pktgen.quit()
