// A whole update session driven by node's soap, from the shipped WSDL. Arguments: WSDL URL, user, password, HCP file.
const soap = require("soap");
const fs = require("fs");

async function main() {
  const [wsdl, user, password, hcp] = process.argv.slice(2);
  const client = await soap.createClientAsync(wsdl);
  const call = async (operation, parameters) => (await client[operation + "Async"](parameters))[0];
  console.log("serverVersion: " + (await call("serverVersion", {})).serverVersionResult);
  await call("clientVersion", { strVersion: "2.3.0.215" });
  const answer = (await call("authenticate", { strUserName: user, strPassword: password })).authenticateResult.string;
  const ticket = answer[0];
  console.log("verb: " + (answer[1] && typeof answer[1] === "string" ? answer[1] : ""));
  const request = (await call("sendRequestXML", {
    ticket, strHCPResponse: fs.readFileSync(hcp, "utf8"), strCompanyFileName: "C:\\QB\\test.qbw",
    qbXMLCountry: "US", qbXMLMajorVers: 13, qbXMLMinorVers: 0,
  })).sendRequestXMLResult;
  console.log("request: " + request.replace(/\n/g, " "));
  const response = fs.readFileSync(0, "utf8");
  const progress = (await call("receiveResponseXML", { ticket, response, hresult: "", message: "" })).receiveResponseXMLResult;
  console.log("progress: " + progress);
  console.log("closed: " + (await call("closeConnection", { ticket })).closeConnectionResult);
}
main().catch((error) => { console.error(String(error)); process.exit(1); });
