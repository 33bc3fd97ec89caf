// The pages that search_web finds. Written for this project; facts are kept to what does not age.

#include "sim/mcp_demo_tools.h"

namespace drover::sim {

const std::vector<DemoPage>& demo_corpus() {
  static const std::vector<DemoPage> pages = {
      {"How heat pumps work",
       "A heat pump moves heat instead of making it. A refrigerant takes up heat outside at low "
       "pressure, is compressed, and gives it off inside. In mild weather one unit of electricity "
       "moves three to four units of heat; in hard frost about two."},
      {"Heat pumps in old houses",
       "Old houses need larger radiators or better insulation, because a heat pump works best with "
       "water below fifty degrees. Replacing the three smallest radiators is often enough."},
      {"Grid batteries explained",
       "Batteries on the grid store cheap power of noon and give it back in the evening. Most run "
       "for two to four hours. Lithium iron phosphate cells dominate because they last and rarely "
       "burn."},
      {"Pumped hydro storage",
       "Pumped hydro lifts water into an upper lake when power is plentiful. It returns three "
       "quarters of the energy, runs for eight hours and more, and a plant lasts for generations."},
      {"Sodium-ion cells",
       "Sodium-ion cells need no lithium and no cobalt. They hold less energy for their weight, "
       "but bear cold well, which suits storage that stands still."},
      {"Offshore wind costs",
       "Wind at sea blows more evenly than on land. Foundations, cables and ships make up most of "
       "its cost; floating platforms reach deep water but cost more."},
      {"Rail freight basics",
       "A freight train carries what fifty lorries do with a quarter of the energy. Its weakness "
       "is "
       "the last mile: terminals and timetables decide whether it pays."},
      {"Night trains in Europe",
       "Night trains returned because a bed saves a hotel. They need slots on the track, cars that "
       "several countries accept, and staff who work at odd hours."},
      {"Bread with little yeast",
       "A dough with a gram of yeast and a night in the cold tastes better than a fast one: "
       "enzymes "
       "have time to turn starch into sugar, and acids form slowly."},
      {"Why leaves turn red",
       "When days get short, trees take back the green chlorophyll. Yellow was there all the time; "
       "red is made anew and shields the leaf while it hands over its last stores."},
      {"Tides and the moon",
       "The moon pulls on the near sea more than on the earth, and on the earth more than on the "
       "far "
       "sea: two bulges, two high tides a day. Sun and moon in line make spring tides."},
      {"Reading a weather map",
       "Lines join places of equal air pressure. Where they crowd, it blows. Wind turns left "
       "around "
       "a low in the north; fronts are where air of two kinds meets, and it rains."},
      {"How vaccines train the body",
       "A vaccine shows the body a harmless part of a germ. Some cells remember it for years, so "
       "that the next meeting is answered in days instead of weeks."},
      {"Water use of data centres",
       "Evaporating water cools cheaply but uses litres for each kilowatt hour. Closed loops use "
       "hardly any and take more power; waste heat can warm houses near by."},
      {"Undersea cables",
       "Nearly all traffic between continents runs through cables as thick as a garden hose. "
       "Anchors and nets cut them some hundred times a year; repair ships lift and splice the "
       "ends."},
      {"Time zones and leap seconds",
       "Civil time follows atomic clocks and is kept near the sun by leap seconds. Programs that "
       "measure should use a clock that never jumps; those that date need one that may."},
  };
  return pages;
}

}  // namespace drover::sim
