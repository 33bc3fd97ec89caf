#include "net/address.h"

#include <gtest/gtest.h>

namespace drover::net {
namespace {

TEST(Address, LoopbackInAllItsForms) {
  for (const char* ip :
       {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(is_loopback(ip)) << ip;
  }
  for (const char* ip : {"128.0.0.1", "::2", "::", "0.0.0.0", "localhost", "", "127.0.0.1:80"}) {
    EXPECT_FALSE(is_loopback(ip)) << ip;
  }
}

TEST(Address, WhatIsNotPublic) {
  for (const char* ip :
       {// IPv4, first and last of each range
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "100.100.100.200", "127.0.0.1", "169.254.0.0", "169.254.169.254", "169.254.255.255",
        "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.2.1", "192.88.99.1", "192.168.0.0",
        "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.7",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        // IPv6
        "::", "::1", "::7f00:1", "fc00::1", "fd00::8", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "febf::1", "fec0::1", "ff02::1", "100::1", "2001::1", "2001:db8::1", "2001:20::1",
        "3fff::1", "5f00::1", "64:ff9b:1::1", "1234::1",
        // IPv4 inside IPv6
        "::ffff:10.0.0.1", "::ffff:a00:1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2002:c0a8:101::", "2a00:1::5efe:10.0.0.1", "2a00:1::200:5efe:192.168.0.1",
        // not an address: nothing is assumed
        "", "example.com", "1.2.3", "0177.0.0.1", "1.2.3.4.5", "::g"}) {
    EXPECT_TRUE(is_private(ip)) << ip;
  }
  for (const char* ip : {"8.8.8.8",         "1.1.1.1",
                         "100.63.255.255",  "100.128.0.0",
                         "172.15.255.255",  "172.32.0.0",
                         "192.167.255.255", "192.169.0.0",
                         "198.17.255.255",  "198.20.0.0",
                         "223.255.255.255", "168.63.129.15",
                         "11.0.0.0",        "9.255.255.255",
                         "128.0.0.0",       "2606:4700::1111",
                         "2a00:1450::1",    "2001:4860:4860::8888",
                         "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
                         "2002:808:808::1", "2a00:1::5efe:8.8.8.8"}) {
    EXPECT_FALSE(is_private(ip)) << ip;
  }
}

bool allowed(std::vector<std::string> entries, std::string_view host, uint16_t port,
             std::string_view ip) {
  AddressPolicy policy;
  policy.allow = std::move(entries);
  return address_allowed(policy, host, port, ip);
}

TEST(Address, PolicyEntries) {
  EXPECT_TRUE(allowed({}, "example.com", 443, "8.8.8.8"));
  EXPECT_FALSE(allowed({}, "example.com", 443, "10.1.2.3"));
  EXPECT_TRUE(allowed({"tool.corp"}, "tool.corp", 443, "10.1.2.3"));
  EXPECT_TRUE(allowed({"Tool.Corp"}, "tool.corp.", 443, "10.1.2.3"));
  EXPECT_FALSE(allowed({"tool.corp"}, "other.corp", 443, "10.1.2.3"));
  EXPECT_FALSE(allowed({"tool.corp"}, "a.tool.corp", 443, "10.1.2.3"));
  EXPECT_TRUE(allowed({"tool.corp:443"}, "tool.corp", 443, "10.1.2.3"));
  EXPECT_FALSE(allowed({"tool.corp:443"}, "tool.corp", 80, "10.1.2.3"));
  EXPECT_TRUE(allowed({"10.1.0.0/16"}, "x.test", 80, "10.1.2.3"));
  EXPECT_TRUE(allowed({"10.1.0.0/16"}, "x.test", 80, "::ffff:10.1.2.3"));
  EXPECT_FALSE(allowed({"10.1.0.0/16"}, "x.test", 80, "10.2.2.3"));
  EXPECT_TRUE(allowed({"10.0.0.0/9"}, "x.test", 80, "10.127.0.1"));
  EXPECT_FALSE(allowed({"10.0.0.0/9"}, "x.test", 80, "10.128.0.1"));
  EXPECT_TRUE(allowed({"fd00:1::/32"}, "x.test", 80, "fd00:1:2::3"));
  EXPECT_FALSE(allowed({"fd00:1::/32"}, "x.test", 80, "fd00:2::3"));
  EXPECT_TRUE(allowed({"127.0.0.1:8080"}, "localhost", 8080, "127.0.0.1"));
  EXPECT_FALSE(allowed({"127.0.0.1:8080"}, "localhost", 8081, "127.0.0.1"));
  EXPECT_TRUE(allowed({"[::1]:8080"}, "localhost", 8080, "::1"));
  EXPECT_TRUE(allowed({"::1"}, "localhost", 8080, "::1"));
  EXPECT_FALSE(allowed({"[::1]:8080"}, "localhost", 8080, "127.0.0.1"));
  // Nonsense allows nothing.
  for (const char* entry :
       {"", "/", ":80", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "x/8", "[", "]"}) {
    EXPECT_FALSE(allowed({entry}, "x.test", 80, "10.1.2.3")) << entry;
  }
  // A whole-IPv4 entry does not open IPv6, nor the other way round.
  EXPECT_FALSE(allowed({"0.0.0.0/0"}, "x.test", 80, "fd00::1"));
  AddressPolicy open;
  open.allow_private = true;
  EXPECT_TRUE(address_allowed(open, "x.test", 80, "169.254.169.254"));
}

TEST(Address, EndpointsAsText) {
  Endpoint a;
  a.ip = "127.0.0.1";
  a.port = 80;
  EXPECT_EQ(a.to_string(), "127.0.0.1:80");
  a.ip = "::1";
  EXPECT_EQ(a.to_string(), "[::1]:80");
}

}  // namespace
}  // namespace drover::net
