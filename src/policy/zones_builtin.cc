// The zones that every Drover knows: ISO 3166-1 countries in lower case where clouds have regions,
// and the unions of law around them. Membership as of November 2026.
#include "policy/zones.h"

namespace drover::policy {

const std::vector<ZoneSpec>& builtin_zones() {
  static const std::vector<ZoneSpec> kZones = [] {
    std::vector<ZoneSpec> out = {
        {"eea", {}, "European Economic Area"},
        {"eu", {"eea"}, "European Union"},
        {"us", {}, "United States"},
        {"us-gov", {"us"}, "United States, for government workloads (FedRAMP, ITAR)"},
    };
    for (const char* country :
         {"at", "be", "bg", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gr", "hu", "ie",
          "it", "lv", "lt", "lu", "mt", "nl", "pl", "pt", "ro", "sk", "si", "es", "se"}) {
      out.push_back({country, {"eu"}, ""});
    }
    for (const char* country : {"is", "li", "no"}) out.push_back({country, {"eea"}, ""});
    for (const char* country :
         {"ae", "au", "bh", "br", "ca", "ch", "cl", "cn", "gb", "hk", "id", "il",
          "in", "jp", "kr", "mx", "my", "nz", "qa", "sa", "sg", "th", "tw", "za"}) {
      out.push_back({country, {}, ""});
    }
    return out;
  }();
  return kZones;
}

}  // namespace drover::policy
