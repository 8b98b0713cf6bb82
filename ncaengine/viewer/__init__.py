"""The window of `ncaengine view`.

window.show(models, Options(kernel="hexagonal"), kernels.discover())
"""
