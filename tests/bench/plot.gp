# gnuplot -e "data='...'; out='...'" plot.gp
set terminal svg size 1080,420 font "sans,12" background "white"
set output out
set multiplot layout 1,3
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set yrange [0:*]
set grid ytics
set key above
nginx = "#c0c0c0"
one = "#2060a0"
two = "#60a0d0"
set title "requests a second, at most"
plot data using 2:xtic(1) title "nginx+Lua" linecolor rgb nginx, '' using 6 title "cpsd 1" linecolor rgb one, \
     '' using 10 title "cpsd 2" linecolor rgb two
set title "p99 in ms at 60% of nginx's most"
plot data using 3:xtic(1) title "nginx+Lua" linecolor rgb nginx, '' using 7 title "cpsd 1" linecolor rgb one, \
     '' using 11 title "cpsd 2" linecolor rgb two
set title "processor time a request, us, with Redis"
plot data using ($4+$5):xtic(1) title "nginx+Lua" linecolor rgb nginx, \
     '' using ($8+$9) title "cpsd 1" linecolor rgb one, '' using ($12+$13) title "cpsd 2" linecolor rgb two
unset multiplot
