module caller

go 1.18
