"""A whole update session driven by Python zeep, from the shipped WSDL. Arguments: WSDL URL, user, password, HCP file.

Prints the qbXML it was handed and answers it from standard input; ends with what closeConnection said.
"""
import sys

from zeep import Client

wsdl, user, password, hcp = sys.argv[1:5]
service = Client(wsdl).service
print("serverVersion:", service.serverVersion(), flush=True)
assert service.clientVersion(strVersion="2.3.0.215") in (None, "")
ticket, verb = service.authenticate(strUserName=user, strPassword=password)[:2]
print("verb:", verb or "", flush=True)
request = service.sendRequestXML(
    ticket=ticket, strHCPResponse=open(hcp, encoding="utf-8").read(), strCompanyFileName=r"C:\QB\test.qbw",
    qbXMLCountry="US", qbXMLMajorVers=13, qbXMLMinorVers=0)
print("request:", request.replace("\n", " "), flush=True)
response = sys.stdin.read()
print("progress:", service.receiveResponseXML(ticket=ticket, response=response, hresult="", message=""), flush=True)
print("error:", service.getLastError(ticket=ticket), flush=True)
print("closed:", service.closeConnection(ticket=ticket), flush=True)
