"""An os-ken application that answers ARP, as its tutorials would write it.

Run: osken-manager --ofp-tcp-listen-port PORT osken_app.py (or through
tests/bench/run).  OpenFlow 1.3.  Punts everything by the table-miss flow and
answers every ARP request with one MAC; anything else is dropped.
"""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER
from os_ken.controller.handler import set_ev_cls
from os_ken.lib.packet import arp, ethernet, packet
from os_ken.ofproto import ofproto_v1_3

ROUTER_MAC = "02:05:0e:00:00:01"


class ArpResponder(app_manager.OSKenApp):
    """Answers ARP requests from any port of any bridge."""

    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_features(self, event):
        """Installs the flow that punts everything."""
        bridge = event.msg.datapath
        ofp, parser = bridge.ofproto, bridge.ofproto_parser
        punt = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
        apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [punt])
        bridge.send_msg(
            parser.OFPFlowMod(
                datapath=bridge,
                priority=0,
                match=parser.OFPMatch(),
                instructions=[apply],
            )
        )

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet_in(self, event):
        """Answers a request out of the port that it came from."""
        msg = event.msg
        bridge = msg.datapath
        ofp, parser = bridge.ofproto, bridge.ofproto_parser
        frame = packet.Packet(msg.data)
        request = frame.get_protocol(arp.arp)
        if request is None or request.opcode != arp.ARP_REQUEST:
            return

        reply = packet.Packet()
        reply.add_protocol(
            ethernet.ethernet(
                ethertype=frame.get_protocol(ethernet.ethernet).ethertype,
                dst=request.src_mac,
                src=ROUTER_MAC,
            )
        )
        reply.add_protocol(
            arp.arp(
                opcode=arp.ARP_REPLY,
                src_mac=ROUTER_MAC,
                src_ip=request.dst_ip,
                dst_mac=request.src_mac,
                dst_ip=request.src_ip,
            )
        )
        reply.serialize()
        bridge.send_msg(
            parser.OFPPacketOut(
                datapath=bridge,
                buffer_id=ofp.OFP_NO_BUFFER,
                in_port=ofp.OFPP_CONTROLLER,
                actions=[parser.OFPActionOutput(msg.match["in_port"])],
                data=reply.data,
            )
        )
